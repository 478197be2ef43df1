"""Base images that everybody uses, made from what this machine reaches where no registry can be reached."""
