FROM tiny
WORKDIR /w
COPY plain.txt .
COPY plain.txt renamed.txt
COPY plain.txt new/folder/
COPY plain.txt new/file
COPY folder /content
COPY folder/ /content2/
COPY folder/nested plain.txt /several/
COPY ["plain.txt", "with space.txt", "/json dir/"]
