"""What is measured on models and on the paths between pairs."""
