FROM tiny
COPY plain.txt /over/tree/file.txt
ADD tree.tar /over/
