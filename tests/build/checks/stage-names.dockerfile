FROM tiny AS Base
FROM tiny AS ok
FROM tiny AS ok
FROM tiny AS scratch
FROM tiny AS context
