#	  eScApE  =  `
FROM	tiny
RUN	echo 'some # of cool things' > /a
    # indented
    RUN echo hello `
# comment
world > /b
RUN echo "`
     hello`
     world" > /c
RUN echo x `
# a comment that ends in the mark `
y > /d
COPY `
  --chown=web `
  --chmod=600 `
  plain.txt /e
COPY --chown="web" plain.txt c:\
ENV A=c:\dir\ B=a` b C="x`"y"
RUN echo c:\ > /f
# escape=x
CMD [ "a", `
  "b" , `
# between
  "c" ]
