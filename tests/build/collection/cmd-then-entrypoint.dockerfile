FROM tiny
CMD ["stays"]
ENTRYPOINT ["/bin/sh", "-c"]
