"""What runs in the background or reaches out: jobs, batches and the one safe fetch of pictures."""
