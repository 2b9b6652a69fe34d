/* SPDX-License-Identifier: MIT */

/*
 * shrunk PLUGIN.so: a host as small as one may be.  Every struct it hands out
 * ends at the end of a page, with a page behind that nobody may read, so that a
 * plugin which looks further than struct_size says is killed there and then.
 * Prints the evidence of what the connect hook finds.
 */

#include <winnow/plugin.h>

#include <dlfcn.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/* Room for size bytes right before a guard page. */
static void *
at_the_edge(const void *from, size_t size)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t room = (size + page - 1) / page * page;
    char *memory = mmap(NULL, room + page, PROT_READ | PROT_WRITE,
        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (memory == MAP_FAILED || mprotect(memory + room, page, PROT_NONE) != 0)
        exit(2);
    return memcpy(memory + room - size, from, size);
}

static int64_t
settings_integer(const WnSettings *settings, uint32_t index)
{
    (void)settings;
    return index == 1 ? 22 : 1;
}

static int32_t
call_report(WnCall *call, const WnFinding *finding)
{
    (void)call;
    puts(finding->evidence);
    return WN_OK;
}

static const WnClient *
facts_client(const WnCall *call)
{
    static const WnClient *edge;
    WnClient client = { .struct_size = sizeof client, .address_len = 4 };

    (void)call;
    if (edge == NULL)
        edge = at_the_edge(&client, sizeof client);
    return edge;
}

static const WnHost *
make_host(void)
{
    WnSettingsApi settings = { .struct_size = sizeof settings,
        .integer = settings_integer };
    WnCallApi call = { .struct_size = sizeof call, .report = call_report };
    WnFactsApi facts = { .struct_size = sizeof facts, .client = facts_client };
    WnHost host = { .struct_size = sizeof host,
        .abi_major = WN_ABI_MAJOR,
        .version = "shrunk",
        .instance_name = "shrunk" };

    host.settings = at_the_edge(&settings, sizeof settings);
    host.call = at_the_edge(&call, sizeof call);
    host.facts = at_the_edge(&facts, sizeof facts);
    return at_the_edge(&host, sizeof host);
}

static const WnPlugin *
load(const char *path)
{
    void *module = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    WnPluginEntry entry = NULL;
    void *symbol;

    if (module == NULL) {
        fprintf(stderr, "%s\n", dlerror());
        return NULL;
    }
    symbol = dlsym(module, "future_filter_LTX_winnow_plugin_v1");
    memcpy(&entry, &symbol, sizeof entry);
    return entry != NULL ? entry() : NULL;
}

int
main(int argc, char **argv)
{
    const WnPlugin *plugin = argc == 2 ? load(argv[1]) : NULL;
    WnError err = { .struct_size = sizeof err };
    void *self = NULL;

    if (plugin == NULL
        || plugin->instance_new(make_host(), NULL, &self, &err) != WN_OK)
        return 1;
    return plugin->filter->connect(self, NULL) == WN_MATCH ? 0 : 1;
}
