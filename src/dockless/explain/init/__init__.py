"""`dockless init`: recognises an application from its files, and writes the stack that runs it. Files in, files out."""
