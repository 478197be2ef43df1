#  Check = skip=StageNameCasing , MaintainerDeprecated
FROM tiny AS Base
CMD a
MAINTAINER me
