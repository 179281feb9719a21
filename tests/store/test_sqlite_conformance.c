#include "store/conformance.h"
#include "store/sqlite_fixture.h"

int main(void)
{
    return store_conformance_run(&sqlite_backend);
}
