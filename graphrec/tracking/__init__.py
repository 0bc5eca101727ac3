"""Keeping runs where people look at them: MLflow, TensorBoard, or plain files."""
