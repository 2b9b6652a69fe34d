/* SPDX-License-Identifier: MIT */
#include "core/plugin/loader.h"

#include "core/base/publish.h"
#include "core/plugin/module.h"
#include "t/unit/plugin-loader_declarations.h"

#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * Modules made at test time
 */

typedef struct Folder {
    char *path;
} Folder;

static void
folder_init(Folder *self)
{
    self->path = g_dir_make_tmp("winnow-loader-XXXXXX", NULL);
    g_assert_nonnull(self->path);
}

static void
folder_clear(Folder *self)
{
    wn_folder_remove(self->path, NULL);
    g_free(self->path);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Folder, folder_clear)

static char *
write_file(const Folder *folder, const char *name, const char *text, int mode)
{
    char *path = g_build_filename(folder->path, name, NULL);

    g_assert_true(g_file_set_contents(path, text, -1, NULL));
    g_assert_cmpint(g_chmod(path, mode), ==, 0);
    return path;
}

/* False, and the test is skipped, without a compiler. */
static bool
compile(const Folder *folder, const char *name, const char *text)
{
    const char *source = g_getenv("WN_SOURCE");
    const char *cc = g_getenv("CC") != NULL ? g_getenv("CC") : "cc";
    g_autofree char *c_name = g_strconcat(name, ".c", NULL);
    g_autofree char *so_name = g_strconcat(name, ".so", NULL);
    g_autofree char *c_path = write_file(folder, c_name, text, 0600);
    g_autofree char *so_path = g_build_filename(folder->path, so_name, NULL);
    g_autofree char *include = g_strdup_printf("-I%s/sdk",
        source != NULL ? source : ".");
    const char *argv[] = { cc, "-shared", "-fPIC", include, "-o", so_path,
        c_path, NULL };
    int status = 0;

    if (!g_spawn_sync(NULL, (char **)(uintptr_t)argv, NULL, G_SPAWN_SEARCH_PATH,
            NULL, NULL, NULL, NULL, &status, NULL)) {
        g_test_skip("no compiler");
        return false;
    }
    g_assert_cmpint(status, ==, 0);
    g_assert_cmpint(g_chmod(so_path, 0755), ==, 0);
    return true;
}

#define PREFIX                                                             \
    "#include <winnow/plugin.h>\n"                                         \
    "static WnVerdict look(void *s, WnCall *c)\n"                          \
    "{ (void)s; (void)c; return WN_PASS; }\n"                              \
    "static int32_t start(const WnHost *h, const WnSettings *s, void **o," \
    " WnError *e)\n"                                                       \
    "{ (void)h; (void)s; (void)e; *o = 0; return WN_OK; }\n"               \
    "static const WnFilter filter = { .struct_size = sizeof filter,"       \
    " .message = look };\n"

#define PLUGIN(name, members)                                          \
    "static const WnPlugin plugin = { WN_PLUGIN_HEAD, .name = \"" name \
    "\", .instance_new = start, .filter = &filter, " members " };\n"

#define GOOD(name) PREFIX PLUGIN(name, "") "WN_PLUGIN(" name ", &plugin)\n"

/* Whatever the reason is, it begins with the path and says it every time. */
static void
assert_refused(const Folder *folder, const char *name, const char *reason)
{
    g_autoptr(WnLoader) loader = wn_loader_new(folder->path);
    g_autoptr(GError) error = NULL;
    g_autoptr(GError) again = NULL;

    g_assert_null(wn_loader_get(loader, name, &error));
    g_assert_null(wn_loader_get(loader, name, &again));
    g_assert_cmpstr(error->message, ==, again->message);
    if (strstr(error->message, reason) == NULL)
        g_error("\"%s\" does not say \"%s\"", error->message, reason);
}

static void
test_good(void)
{
    g_auto(Folder) folder;
    g_autoptr(WnLoader) loader = NULL;
    g_autoptr(WnCatalogue) catalogue = NULL;
    g_autoptr(GError) error = NULL;
    const WnModule *module;

    folder_init(&folder);
    if (!compile(&folder, "good_one", GOOD("good_one")))
        return;
    loader = wn_loader_new(folder.path);
    module = wn_loader_get(loader, "good_one", &error);
    g_assert_no_error(error);
    g_assert_cmpstr(module->info->name, ==, "good_one");
    g_assert_cmpint(module->info->kind, ==, WN_PLUGIN_FILTER);
    g_assert_cmpuint(module->info->flags, ==, 0);
    g_assert_true(module == wn_loader_get(loader, "good_one", NULL));
    catalogue = wn_loader_catalogue(loader, NULL, NULL);
    g_assert_cmpuint(wn_catalogue_count(catalogue), ==, 1);
}

typedef struct Refusal {
    const char *name; /* of the test and the file */
    const char *text; /* C, or NULL */
    const char *reason;
} Refusal;

static const Refusal refusals[] = {
    { "undefined",
        PREFIX "extern int nobody_has_this(void);\n"
               "int undefined_use(void) { return nobody_has_this(); }\n" PLUGIN(
                   "undefined", "") "WN_PLUGIN(undefined, &plugin)\n",
        "undefined symbol: nobody_has_this" },
    { "noentry", "int noentry_something;\n",
        "does not export noentry_LTX_winnow_plugin_v1" },
    { "otherfile", GOOD("other"),
        "does not export otherfile_LTX_winnow_plugin_v1" },
    { "misnamed", PREFIX PLUGIN("other", "") "WN_PLUGIN(misnamed, &plugin)\n",
        "calls itself \"other\", but its file is misnamed.so" },
    { "newer",
        PREFIX PLUGIN("newer",
            ".abi_minor = 7, .need_minor = 7") "WN_PLUGIN(newer, &plugin)\n",
        "needs ABI 1.7, this host has 1.0" },
    { "nothing", PREFIX "WN_PLUGIN(nothing, 0)\n",
        "its entry function returned nothing" },
};

static void
test_refused(const void *data)
{
    const Refusal *refusal = data;
    g_auto(Folder) folder;

    folder_init(&folder);
    if (compile(&folder, refusal->name, refusal->text))
        assert_refused(&folder, refusal->name, refusal->reason);
}

/* Built against a newer header, but content with this host. */
static void
test_newer_but_content(void)
{
    g_auto(Folder) folder;
    g_autoptr(WnLoader) loader = NULL;
    g_autoptr(GError) error = NULL;

    folder_init(&folder);
    if (!compile(&folder, "content",
            PREFIX PLUGIN("content",
                ".abi_minor = 7") "WN_PLUGIN(content, &plugin)\n"))
        return;
    loader = wn_loader_new(folder.path);
    g_assert_nonnull(wn_loader_get(loader, "content", &error));
    g_assert_no_error(error);
}

/*
 * Files and folders
 */

static void
test_no_module(void)
{
    g_autofree char *long_text = g_strnfill(1000, 'x');
    g_auto(Folder) folder;
    g_autofree char *text = NULL;
    g_autofree char *sub = NULL;

    folder_init(&folder);
    text = write_file(&folder, "text.so", long_text, 0755);
    sub = g_build_filename(folder.path, "sub.so", NULL);
    g_assert_cmpint(g_mkdir(sub, 0755), ==, 0);
    assert_refused(&folder, "text", "text.so: is no ELF shared object");
    assert_refused(&folder, "absent", "No such file");
    assert_refused(&folder, "sub", "is not a regular file");
    assert_refused(&folder, "../text", "cannot be a plugin's name");
    assert_refused(&folder, "Text", "cannot be a plugin's name");
    assert_refused(&folder, "", "cannot be a plugin's name");
}

static void
test_writable(void)
{
    g_auto(Folder) folder;
    g_autofree char *file = NULL;

    folder_init(&folder);
    file = write_file(&folder, "loose.so", "x", 0775);
    assert_refused(&folder, "loose", "is writable by its group (mode 775)");
    g_assert_cmpint(g_chmod(file, 0757), ==, 0);
    assert_refused(&folder, "loose", "is writable by everybody (mode 757)");
    g_assert_cmpint(g_chmod(file, 0755), ==, 0);
    g_assert_cmpint(g_chmod(folder.path, 0777), ==, 0);
    assert_refused(&folder, "loose", "is writable by everybody (mode 777)");
    g_assert_cmpint(g_chmod(folder.path, 01777), ==, 0);
    assert_refused(&folder, "loose", "is writable by everybody");
    g_assert_cmpint(g_chmod(folder.path, 0755), ==, 0);
    assert_refused(&folder, "loose", "loose.so: is");
}

/* A folder above the plugins' is as dangerous. */
static void
test_writable_above(void)
{
    g_auto(Folder) above;
    g_autofree char *plugins = NULL;
    g_autofree char *file = NULL;
    g_autoptr(WnLoader) loader = NULL;
    g_autoptr(GError) error = NULL;

    folder_init(&above);
    plugins = g_build_filename(above.path, "plugins", NULL);
    file = g_build_filename(plugins, "x.so", NULL);
    g_assert_cmpint(g_mkdir(plugins, 0755), ==, 0);
    g_assert_true(g_file_set_contents(file, "x", 1, NULL));
    g_assert_cmpint(g_chmod(above.path, 0775), ==, 0);
    loader = wn_loader_new(plugins);
    g_assert_null(wn_loader_get(loader, "x", &error));
    g_assert_nonnull(strstr(error->message, "is writable by its group"));
}

static void
test_foreign_owner(void)
{
    g_auto(Folder) folder;
    g_autofree char *file = NULL;

    folder_init(&folder);
    if (geteuid() != 0) {
        g_test_skip("needs root to give a file away");
        return;
    }
    file = write_file(&folder, "theirs.so", "x", 0755);
    g_assert_cmpint(chown(file, 12345, 12345), ==, 0);
    assert_refused(&folder, "theirs", "belongs to user 12345");
    g_assert_cmpint(chown(folder.path, 12345, 12345), ==, 0);
    assert_refused(&folder, "theirs", "belongs to user 12345");
}

static void
test_links(void)
{
    g_auto(Folder) folder;
    g_auto(Folder) outside;
    g_autofree char *target = NULL;
    g_autofree char *link = NULL;

    folder_init(&folder);
    folder_init(&outside);
    target = write_file(&outside, "away.so", "x", 0755);
    link = g_build_filename(folder.path, "away.so", NULL);
    g_assert_cmpint(symlink(target, link), ==, 0);
    assert_refused(&folder, "away", "is a link that leads out of the folder");
}

/* Another name in the same folder is fine, and so is a folder reached by a
 * link: what counts is where it leads. */
static void
test_links_inside(void)
{
    g_auto(Folder) folder;
    g_auto(Folder) elsewhere;
    g_autofree char *way = NULL;
    g_autoptr(WnLoader) loader = NULL;
    g_autoptr(GError) error = NULL;

    folder_init(&folder);
    folder_init(&elsewhere);
    if (!compile(&folder, "linked", GOOD("linked")))
        return;
    way = g_build_filename(elsewhere.path, "way", NULL);
    g_assert_cmpint(symlink(folder.path, way), ==, 0);
    loader = wn_loader_new(way);
    g_assert_nonnull(wn_loader_get(loader, "linked", &error));
    g_assert_no_error(error);
    g_assert_cmpint(g_chmod(folder.path, 0777), ==, 0);
    {
        g_autoptr(WnLoader) again = wn_loader_new(way);

        g_assert_null(wn_loader_get(again, "linked", &error));
        g_assert_nonnull(strstr(error->message, "is writable by everybody"));
    }
}

/* Cut off, as by a copy that was interrupted; for another machine. */
static void
test_damaged(void)
{
    g_auto(Folder) folder;
    g_autofree char *path = NULL;
    g_autofree char *bytes = NULL;
    char machine[2];
    gsize len;

    folder_init(&folder);
    if (!compile(&folder, "damaged", GOOD("damaged")))
        return;
    path = g_build_filename(folder.path, "damaged.so", NULL);
    g_assert_true(g_file_get_contents(path, &bytes, &len, NULL));
    g_assert_true(g_file_set_contents(path, bytes, 40, NULL));
    assert_refused(&folder, "damaged", "damaged.so: is cut off, or damaged");
    memcpy(machine, bytes + 18, 2);
    bytes[18] = (char)0xF3; /* e_machine: RISC-V */
    bytes[19] = 0;
    g_assert_true(g_file_set_contents(path, bytes, (gssize)len, NULL));
    assert_refused(&folder, "damaged", "is made for RISC-V (ELF machine 243)");
    memcpy(bytes + 18, machine, 2);
    g_assert_true(g_file_set_contents(path, bytes, 5000, NULL));
    assert_refused(&folder, "damaged", "is cut off, or damaged");
    g_assert_true(g_file_set_contents(path, "text\n", 5, NULL));
    assert_refused(&folder, "damaged", "is no ELF shared object");
    g_assert_true(g_file_set_contents(path, "", 0, NULL));
    assert_refused(&folder, "damaged", "is empty");
}

static void
test_relative_folder(void)
{
    g_autoptr(WnLoader) loader = wn_loader_new("plugins");
    g_autoptr(GError) error = NULL;

    g_assert_null(wn_loader_get(loader, "x", &error));
    g_assert_nonnull(strstr(error->message, "is not an absolute path"));
}

/* Nothing is looked for in other folders, whatever the environment says. */
static void
test_environment(void)
{
    g_auto(Folder) folder;
    g_auto(Folder) foreign;

    folder_init(&folder);
    folder_init(&foreign);
    if (!compile(&foreign, "elsewhere", GOOD("elsewhere")))
        return;
    g_setenv("LTDL_LIBRARY_PATH", foreign.path, TRUE);
    g_setenv("LD_LIBRARY_PATH", foreign.path, TRUE);
    assert_refused(&folder, "elsewhere", "No such file");
    g_assert_null(g_getenv("LTDL_LIBRARY_PATH"));
    g_unsetenv("LD_LIBRARY_PATH");
}

static void
on_refused(void *user, const char *name, const char *reason)
{
    GString *text = user;

    g_assert_nonnull(reason);
    g_string_append_printf(text, "%s ", name);
}

static void
test_catalogue_tells_refusals(void)
{
    g_auto(Folder) folder;
    g_autofree char *one = NULL;
    g_autofree char *two = NULL;
    g_autofree char *three = NULL;
    g_autoptr(WnLoader) loader = NULL;
    g_autoptr(WnCatalogue) catalogue = NULL;
    g_autoptr(GString) text = g_string_new(NULL);

    folder_init(&folder);
    one = write_file(&folder, "b.so", "x", 0755);
    two = write_file(&folder, "a-b.so", "x", 0755);
    three = write_file(&folder, "c.txt", "x", 0755);
    loader = wn_loader_new(folder.path);
    catalogue = wn_loader_catalogue(loader, on_refused, text);
    g_assert_cmpuint(wn_catalogue_count(catalogue), ==, 0);
    g_assert_cmpstr(text->str, ==, "a-b b ");
}

/*
 * Declarations: what wn_module_new() refuses
 */

static void
test_declaration(const void *data)
{
    const Declaration *one = data;
    g_autoptr(GError) error = NULL;

    g_assert_null(wn_module_new("p", NULL, &one->plugin, &error));
    if (strstr(error->message, one->reason) == NULL)
        g_error("\"%s\" does not say \"%s\"", error->message, one->reason);
}

/* A plugin of a newer minor has longer structs and options. */
static void
test_longer_structs(void)
{
    static const struct {
        WnOption option;
        uint64_t more;
    } options[] = {
        { OPTION(.name = "one", .type = WN_OPT_INT, .fallback = "1"), 7 },
        { OPTION(.name = "two", .type = WN_OPT_INT, .flags = 1u << 30,
              .fallback = "2"),
            7 },
    };
    static const struct {
        WnFilter filter;
        void *more;
    } filter = { { .struct_size = sizeof filter, .rcpt = look }, NULL };
    static const struct {
        WnPlugin plugin;
        void *more;
    } longer = { { DECLARE(sizeof longer, 1, sizeof options[0], "p", start),
                     .abi_minor = 7, .filter = &filter.filter,
                     .options = &options[0].option, .n_options = 2 },
        NULL };
    g_autoptr(GError) error = NULL;
    g_autoptr(WnModule)
        module = wn_module_new("p", NULL, &longer.plugin, &error);

    g_assert_no_error(error);
    g_assert_true(module->plugin.filter == &module->filter);
    g_assert_true(module->filter.rcpt == look);
    g_assert_cmpuint(module->info->abi_minor, ==, 7);
    g_assert_nonnull(wn_plugin_info_option(module->info, "two", NULL));
    g_assert_cmpuint(wn_plugin_info_option(module->info, "two", NULL)->flags,
        ==, 0);
}

static void
test_flags(void)
{
    static const WnPlugin filter = { BASE, .filter = &a_filter };
    static const WnPlugin action = { BASE, .action = &an_action };
    g_autoptr(WnModule) one = wn_module_new("p", NULL, &filter, NULL);
    g_autoptr(WnModule) other = wn_module_new("p", NULL, &action, NULL);

    g_assert_cmpuint(one->info->flags, ==, WN_PLUGIN_CLIENT_LEVEL);
    g_assert_cmpint(other->info->kind, ==, WN_PLUGIN_ACTION);
    g_assert_cmpuint(other->info->flags, ==, WN_PLUGIN_NEVER_REFUSES);
}

static void
add_tables(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(refusals); i++) {
        g_autofree char *path = g_strconcat("/plugin/loader/refused/",
            refusals[i].name, NULL);

        g_test_add_data_func(path, &refusals[i], test_refused);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(declarations); i++) {
        g_autofree char *path = g_strconcat("/plugin/module/refused/",
            declarations[i].name, NULL);

        g_test_add_data_func(path, &declarations[i], test_declaration);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    add_tables();
    g_test_add_func("/plugin/loader/good", test_good);
    g_test_add_func("/plugin/loader/newer-but-content", test_newer_but_content);
    g_test_add_func("/plugin/loader/no-module", test_no_module);
    g_test_add_func("/plugin/loader/writable", test_writable);
    g_test_add_func("/plugin/loader/writable-above", test_writable_above);
    g_test_add_func("/plugin/loader/foreign-owner", test_foreign_owner);
    g_test_add_func("/plugin/loader/links", test_links);
    g_test_add_func("/plugin/loader/links-inside", test_links_inside);
    g_test_add_func("/plugin/loader/damaged", test_damaged);
    g_test_add_func("/plugin/loader/relative-folder", test_relative_folder);
    g_test_add_func("/plugin/loader/environment", test_environment);
    g_test_add_func("/plugin/loader/catalogue-tells-refusals",
        test_catalogue_tells_refusals);
    g_test_add_func("/plugin/module/longer-structs", test_longer_structs);
    g_test_add_func("/plugin/module/flags", test_flags);
    return g_test_run();
}
