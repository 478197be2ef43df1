from tiny
run true
run true
ENV A=b
env B=c
onbuild RUN true
