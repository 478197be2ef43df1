FROM tiny
RUN echo a && \

    echo b
RUN echo a && \
  # comment

    echo b && \

    echo c
ENV A=b \

  C=d
