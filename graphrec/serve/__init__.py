"""A trained model as a service: HTTP, a store of what happens after training, and a page."""
