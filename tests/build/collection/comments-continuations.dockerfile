# a comment
FROM tiny
  # indented comment
RUN echo one \
  # a comment between
    two \

    three > /joined
RUN echo \
a \
   b	c > /spaces
# at the end
RUN echo end > /end