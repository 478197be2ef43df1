# escape=`
FROM tiny
ENV A=`$A B="C:\dir" D=one` two
RUN echo one `
    two > /joined
COPY plain.txt C:\x
