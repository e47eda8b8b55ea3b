# Resolves pyproject.toml into constraints for Python 3.11 to 3.14; run by `make lock`.
set -eu
lock() {
    out=$1
    shift
    # One version for all Pythons where there is one, so that what is tested is what is used.
    uv pip compile pyproject.toml --universal --python-version 3.11 --fork-strategy fewest \
        --upgrade --quiet \
        --no-annotate --no-emit-index-url --no-emit-find-links --no-emit-build-options \
        --custom-compile-command "make lock" --output-file "$out" "$@"
}
lock requirements/runtime.txt --extra ui --extra anndata --extra dg --extra aws --extra servers
lock requirements/dev.txt --constraint requirements/runtime.txt \
    --extra ui --extra anndata --extra dg --extra aws --extra servers --extra dev

# The servers of tests and development have environments of their own.
uv pip compile requirements/servers.in --universal --python-version 3.11 --upgrade --quiet \
    --no-annotate --no-emit-index-url --no-emit-find-links --no-emit-build-options \
    --custom-compile-command "make lock" --output-file requirements/servers.txt
