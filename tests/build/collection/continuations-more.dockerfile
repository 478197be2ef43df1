# escape=\
# a comment

FROM \
  tiny \
  AS \
# in between
  a
ENV \
  A=1 \
  # comment
  B=2 \
    C="x \
   y"
RUN echo one \
 && echo two > /out \
 ;
LABEL \
 a=b\
 c=d
COPY \
 plain.txt \
 /x/
