FROM tiny
ADD tree.tar tree.tar.gz /archives/
ADD tree.tar.bz2 /bz/
ADD tree.tar.xz /xz/
COPY tree.tar.gz /copied/
ADD plain.txt /plain
