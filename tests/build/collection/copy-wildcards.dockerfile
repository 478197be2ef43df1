FROM tiny
COPY *.txt /txt/
COPY folder/?.conf /conf/
COPY folder/[a-b].* /class/
COPY fold*/nested /nested/
COPY folder/n*d /dir/
