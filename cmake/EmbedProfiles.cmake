# cmake -DOUT=… -DFILES="a.json|b.json" -P EmbedProfiles.cmake: the built-in profiles as one C file,
# so that a daemon is complete without a directory of its own.
string(REPLACE "|" ";" files "${FILES}")
set(arrays "")
set(rows "")
set(number 0)
foreach(file ${files})
    get_filename_component(name ${file} NAME)
    file(READ ${file} hex HEX)
    string(REGEX REPLACE "([0-9a-f][0-9a-f])" "'\\\\x\\1'," bytes "${hex}")
    string(APPEND arrays "static const char profile_${number}[] = {${bytes}};\n")
    string(APPEND rows "    {\"${name}\", {profile_${number}, sizeof(profile_${number})}},\n")
    math(EXPR number "${number} + 1")
endforeach()
file(WRITE ${OUT}.new
    "/* Made from config/providers/ by cmake/EmbedProfiles.cmake. */\n#include \"builtin_profiles.h\"\n\n"
    "${arrays}\nstatic const struct builtin_profile profiles[] = {\n${rows}};\n\n"
    "const struct builtin_profile *builtin_profiles(size_t *ret_count)\n{\n"
    "    *ret_count = ARRAY_LEN(profiles);\n    return profiles;\n}\n")
file(COPY_FILE ${OUT}.new ${OUT} ONLY_IF_DIFFERENT)
file(REMOVE ${OUT}.new)
