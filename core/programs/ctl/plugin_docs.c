/* SPDX-License-Identifier: MIT */
#include "core/programs/ctl/plugin_docs.h"

#include "core/base/json.h"

const char *
ctl_plugin_kind(const WnPluginInfo *info)
{
    return info->kind == WN_PLUGIN_FILTER ? "filter" : "action";
}

static void
print_limits(const WnOptionSpec *option, GString *out)
{
    if (option->min == 0 && option->max == 0)
        return;
    g_string_append_printf(out, ", %" G_GINT64_FORMAT " to %" G_GINT64_FORMAT,
        option->min, option->max);
}

static void
print_option(const WnPluginInfo *info, const WnOptionSpec *option, GString *out)
{
    const char *prefix = info->kind == WN_PLUGIN_ACTION ? "action." : "";

    g_string_append_printf(out, "%s%s (%s", prefix, option->name,
        wn_option_kind_name(option->kind));
    print_limits(option, out);
    if ((option->flags & WN_OPTION_FILE) != 0)
        g_string_append(out, ", names a file");
    if ((option->flags & WN_OPTION_PER_DOMAIN) != 0)
        g_string_append(out, ", per domain");
    if ((option->flags & WN_OPTION_SECRET) != 0)
        g_string_append(out, ", secret");
    if ((option->flags & WN_OPTION_RISKY) != 0)
        g_string_append(out, ", risky");
    g_string_append(out, ")\n");
    g_string_append_printf(out, "    %s\n", option->help);
    if (option->choices != NULL) {
        g_autofree char *choices = g_strjoinv(" | ", option->choices);

        g_string_append_printf(out, "    one of: %s\n", choices);
    }
    if ((option->flags & WN_OPTION_REQUIRED) != 0)
        g_string_append(out, "    required\n");
    else
        g_string_append_printf(out, "    default: %s\n",
            option->fallback[0] != '\0' ? option->fallback : "(empty)");
}

void
ctl_plugin_docs(const WnPluginInfo *info, GString *out)
{
    g_string_append_printf(out, "%s %s - %s\n%s plugin by %s, %s\n\n",
        info->name, info->version, info->summary, ctl_plugin_kind(info),
        info->author, info->license);
    if (info->options->len == 0)
        g_string_append(out, "It has no options.\n");
    for (guint i = 0; i < info->options->len; i++)
        print_option(info, &g_array_index(info->options, WnOptionSpec, i), out);
}

static void
json_limits(WnJson *json, const WnOptionSpec *option)
{
    if (option->min != 0 || option->max != 0) {
        wn_json_int(json, "min", option->min);
        wn_json_int(json, "max", option->max);
    }
    if (option->choices == NULL)
        return;
    wn_json_open_list(json, "choices");
    for (unsigned i = 0; option->choices[i] != NULL; i++)
        wn_json_str(json, NULL, option->choices[i]);
    wn_json_close_list(json);
}

void
ctl_plugin_docs_json(const WnPluginInfo *info, GString *out)
{
    WnJson json;

    wn_json_init(&json, out);
    wn_json_open_object(&json, NULL);
    wn_json_str(&json, "plugin", info->name);
    wn_json_str(&json, "kind", ctl_plugin_kind(info));
    wn_json_str(&json, "version", info->version);
    wn_json_str(&json, "summary", info->summary);
    wn_json_str(&json, "author", info->author);
    wn_json_str(&json, "license", info->license);
    wn_json_str(&json, "path", info->path);
    wn_json_open_list(&json, "options");
    for (guint i = 0; i < info->options->len; i++) {
        const WnOptionSpec *option = &g_array_index(info->options, WnOptionSpec,
            i);

        wn_json_open_object(&json, NULL);
        wn_json_str(&json, "name", option->name);
        wn_json_str(&json, "type", wn_option_kind_name(option->kind));
        wn_json_str(&json, "help", option->help);
        wn_json_str(&json, "default", option->fallback);
        json_limits(&json, option);
        wn_json_bool(&json, "per_domain",
            (option->flags & WN_OPTION_PER_DOMAIN) != 0);
        wn_json_bool(&json, "required",
            (option->flags & WN_OPTION_REQUIRED) != 0);
        wn_json_bool(&json, "file", (option->flags & WN_OPTION_FILE) != 0);
        wn_json_bool(&json, "secret", (option->flags & WN_OPTION_SECRET) != 0);
        wn_json_close_object(&json);
    }
    wn_json_close_list(&json);
    wn_json_close_object(&json);
    g_string_append_c(out, '\n');
}

/* What would be taken for a table's border or for markup. */
static void
put_cell(GString *out, const char *text)
{
    for (const char *c = text; *c != '\0'; c++) {
        if (*c == '|' || *c == '\\' || *c == '*' || *c == '_' || *c == '<')
            g_string_append_c(out, '\\');
        g_string_append_c(out, *c == '\n' ? ' ' : *c);
    }
}

static void
put_markdown_option(const WnPluginInfo *info, const WnOptionSpec *option,
    GString *out)
{
    g_string_append_printf(out, "| `%s%s` | %s",
        info->kind == WN_PLUGIN_ACTION ? "action." : "", option->name,
        wn_option_kind_name(option->kind));
    print_limits(option, out);
    g_string_append(out, " | ");
    if ((option->flags & WN_OPTION_REQUIRED) != 0)
        g_string_append(out, "required");
    else if (option->fallback[0] != '\0')
        g_string_append_printf(out, "`%s`", option->fallback);
    g_string_append(out,
        (option->flags & WN_OPTION_PER_DOMAIN) != 0 ? " | yes | " : " | no | ");
    put_cell(out, option->help);
    for (unsigned i = 0; option->choices != NULL && option->choices[i] != NULL;
         i++)
        g_string_append_printf(out, "%s`%s`", i == 0 ? " One of " : ", ",
            option->choices[i]);
    g_string_append(out, " |\n");
}

void
ctl_plugin_docs_markdown(const WnPluginInfo *info, GString *out)
{
    g_string_append_printf(out, "## %s\n\n", info->name);
    put_cell(out, info->summary);
    g_string_append_printf(out, "\n\nVersion %s, %s by ", info->version,
        ctl_plugin_kind(info));
    put_cell(out, info->author);
    g_string_append_printf(out, ", licence %s.\n", info->license);
    if (info->options->len > 0)
        g_string_append(out, "\n| Option | Type | Default | Per domain | |\n"
                             "|---|---|---|---|---|\n");
    for (guint i = 0; i < info->options->len; i++)
        put_markdown_option(info,
            &g_array_index(info->options, WnOptionSpec, i), out);
}
