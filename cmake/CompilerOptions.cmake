# How every file is compiled: one place, so that no folder is more lenient than another.
add_library(refreshd_options INTERFACE)
target_compile_definitions(refreshd_options INTERFACE _GNU_SOURCE REFRESHD_VERSION="${PROJECT_VERSION}")
target_include_directories(refreshd_options INTERFACE ${PROJECT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/daemon)
target_compile_options(refreshd_options INTERFACE
    -Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Wstrict-prototypes
    -Wmissing-prototypes -Wvla -Wformat=2 -Wcast-qual -Wwrite-strings -Wundef -Wimplicit-fallthrough
    -Wswitch-enum -fno-common -fstack-protector-strong -fstack-clash-protection -fcf-protection=full)
target_link_options(refreshd_options INTERFACE -Wl,-z,relro,-z,now)

if(REFRESHD_SANITIZE)
    target_compile_options(refreshd_options INTERFACE
        -fsanitize=${REFRESHD_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
    target_link_options(refreshd_options INTERFACE -fsanitize=${REFRESHD_SANITIZE})
else()
    # FORTIFY needs optimisation and hides what the sanitizers would see.
    target_compile_options(refreshd_options INTERFACE
        $<$<NOT:$<CONFIG:Debug>>:-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3>)
endif()

if(REFRESHD_FUZZ) # the libraries carry coverage, the targets the fuzzer's main
    target_compile_options(refreshd_options INTERFACE -fsanitize=fuzzer-no-link)
endif()

# refreshd is optimised across its files (a target with REFRESHD_WHOLE); the tests link the same objects
# one by one, which is much quicker. Only gcc has both in one object.
set(REFRESHD_LTO OFF)
if(CMAKE_C_COMPILER_ID STREQUAL GNU AND NOT CMAKE_BUILD_TYPE STREQUAL Debug AND NOT REFRESHD_SANITIZE)
    set(REFRESHD_LTO ON)
    set(is_whole $<BOOL:$<TARGET_PROPERTY:REFRESHD_WHOLE>>)
    target_compile_options(refreshd_options INTERFACE $<${is_whole}:-flto=auto>)
    target_link_options(refreshd_options INTERFACE $<IF:${is_whole},-flto=auto,-fno-lto>)
endif()

include(CheckPIESupported)
check_pie_supported(LANGUAGES C)

# One folder, one static library: refreshd_folder(core LIBRARIES refreshd_common) takes every *.c in it.
function(refreshd_folder name)
    cmake_parse_arguments(FOLDER "" "" "LIBRARIES" ${ARGN})
    file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.c)
    if(NOT sources)
        add_library(refreshd_${name} INTERFACE)
        target_link_libraries(refreshd_${name} INTERFACE refreshd_options ${FOLDER_LIBRARIES})
        return()
    endif()
    add_library(refreshd_${name} STATIC ${sources})
    target_link_libraries(refreshd_${name} PUBLIC refreshd_options ${FOLDER_LIBRARIES})
    if(REFRESHD_LTO)
        target_compile_options(refreshd_${name} PRIVATE -flto=auto -ffat-lto-objects)
    endif()
endfunction()
