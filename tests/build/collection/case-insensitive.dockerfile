from tiny as Base
run echo a > /a
from base
env a=b
copy --from=base /a /b
cmd ["x"]
