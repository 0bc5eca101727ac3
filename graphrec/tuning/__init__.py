"""Looking for better settings on the validation part, with Optuna."""
