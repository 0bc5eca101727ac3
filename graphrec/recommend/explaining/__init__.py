"""Why a movie has its score, and two movies their similarity: sums that are exact."""
