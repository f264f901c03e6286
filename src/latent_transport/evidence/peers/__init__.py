"""Other packages' geodesics beside ours, on problems whose distances are known."""
