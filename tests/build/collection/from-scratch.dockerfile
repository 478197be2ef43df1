FROM scratch
COPY plain.txt /
ENV A=b
CMD ["/x"]
