FROM tiny AS base
ENTRYPOINT ["/bin/echo"]
CMD ["one"]
FROM base
ENTRYPOINT exec /bin/cat
