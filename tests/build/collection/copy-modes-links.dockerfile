FROM tiny
COPY modes /modes
COPY links /links
COPY links/to-file /followed
COPY hard /hard
