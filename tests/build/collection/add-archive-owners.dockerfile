FROM tiny
ADD --chown=web:staff tree.tar /owned/
ADD --chmod=700 plain.txt /mode.txt
ADD tree.tar /link/unpacked/
