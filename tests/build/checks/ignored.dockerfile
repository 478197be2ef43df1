# check=experimental=all
FROM tiny
COPY secret.txt /
COPY plain.txt /
ADD secret.txt /
COPY . /
COPY folder /x
COPY folder/a /x
COPY *.txt /x
COPY ./secret.txt plain.txt folder/ /x/
COPY --from=tiny secret.txt /
ADD http://127.0.0.1:1/secret.txt /
COPY /secret.txt /
COPY $X/secret.txt /
