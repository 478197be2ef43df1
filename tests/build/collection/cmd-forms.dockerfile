FROM tiny
CMD first
CMD ["second", "with space", "quote\"d"]
