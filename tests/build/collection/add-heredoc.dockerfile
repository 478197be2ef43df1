FROM tiny
ADD <<EOF /added/file
content
EOF
ADD --chmod=0600 <<EOF /added/dir/
named by the word
EOF
