# check=skip=StageNameCasing;error=true
FROM tiny AS Base
CMD ["a"]
