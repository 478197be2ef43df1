FROM tiny AS parent
ONBUILD RUN echo triggered > /triggered
ONBUILD COPY plain.txt /onbuild/
ONBUILD ENV TRIGGERED=yes
ONBUILD LABEL a=b
FROM parent
RUN cat /triggered
