from tiny AS a
FROM tiny as b
From tiny As c
Run true
run true
RUN true
RUN true
ENV A=b
