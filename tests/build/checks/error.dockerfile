# check=error=true
FROM tiny AS Base
CMD a
