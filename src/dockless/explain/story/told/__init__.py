"""What single instructions of a Dockerfile do; `instructions` has the table of them."""
