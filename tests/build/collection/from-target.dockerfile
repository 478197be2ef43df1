FROM tiny AS one
RUN echo 1 > /n
FROM tiny AS two
RUN echo 2 > /n
FROM tiny
RUN false
