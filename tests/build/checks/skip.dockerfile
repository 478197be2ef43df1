# check=skip=StageNameCasing,JSONArgsRecommended
FROM tiny AS Base
CMD a
MAINTAINER me
