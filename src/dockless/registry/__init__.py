"""What is known of registries: names, credentials, manifests, and a repository that is read and written.

It keeps no state, and both halves use it: the engine pulls and pushes images by it; the client reads and writes
artifacts that are no images (`publish`, `oci://` files), which no engine has a request for. Whom to trust with which
credentials is known here alone.
"""
