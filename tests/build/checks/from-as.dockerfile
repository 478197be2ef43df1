From tiny AS a
From tiny as b
FROM tiny As c
from tiny As d
froM tiny aS e
