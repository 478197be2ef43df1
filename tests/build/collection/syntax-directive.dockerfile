# check=skip=all
# a comment
FROM tiny
RUN echo x > /x
