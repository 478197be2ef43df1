FROM tiny
COPY xattrs /xattrs
