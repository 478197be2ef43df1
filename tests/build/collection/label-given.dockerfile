FROM tiny
LABEL given=file kept=file
