# SPDX-License-Identifier: MIT
#
# Writes the SQL files it is given, in their order, as the C source of
# core/sync/schema_text.h.

BEGIN {
    print "/* Made by embed-sql.awk. */"
    print "#include \"core/sync/schema_text.h\"\n"
    print "const WnSchemaText wn_schema_texts[] = {"
}

FNR == 1 {
    if (n++ > 0)
        print "    },"
    name = FILENAME
    sub(/.*\//, "", name)
    printf "    { \"%s\",\n", name
}

{
    gsub(/\\/, "\\\\")
    gsub(/"/, "\\\"")
    printf "        \"%s\\n\"\n", $0
}

END {
    print "    },\n};"
    printf "const unsigned wn_schema_n_texts = %d;\n", n
}
