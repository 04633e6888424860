/*
 * Proves that --change instructions alter a config as docker's builder does, and that malformed
 * ones are refused.
 */
#include "oci/changes.h"

#include "support/suite.h"

#include <stdlib.h>
#include <string.h>

static const struct {
    const char *instructions[4];
    const char *config;
} GOOD[] = {
    {{"CMD [\"sh\", \"-c\"]"}, "{\"Cmd\":[\"sh\",\"-c\"]}"},
    {{"cmd echo $HOME"}, "{\"Cmd\":[\"/bin/sh\",\"-c\",\"echo $HOME\"]}"},
    {{"CMD [\"a\", 1]"}, "{\"Cmd\":[\"/bin/sh\",\"-c\",\"[\\\"a\\\", 1]\"]}"},
    {{"CMD [not json"}, "{\"Cmd\":[\"/bin/sh\",\"-c\",\"[not json\"]}"},
    {{"ENTRYPOINT [\"/init\"]", "CMD []"}, "{\"Cmd\":[],\"Entrypoint\":[\"/init\"]}"},
    {{"ENV A=1 B=two"}, "{\"Env\":[\"A=1\",\"B=two\"]}"},
    {{"ENV A=1", "ENV A=2 B=$A"}, "{\"Env\":[\"A=2\",\"B=2\"]}"},
    {{"ENV A one  two"}, "{\"Env\":[\"A=one  two\"]}"},
    {{"ENV A=\"x y\" B='$A z' C=x\\ y"}, "{\"Env\":[\"A=x y\",\"B=$A z\",\"C=x y\"]}"},
    {{"ENV A=", "ENV B=${A:-none} C=${A:+some} D=${B} E=$$ F=\"\\\"\""},
     "{\"Env\":[\"A=\",\"B=none\",\"C=\",\"D=none\",\"E=$$\",\"F=\\\"\"]}"},
    {{"EXPOSE 80 53/udp 8000-8002/TCP"},
     "{\"ExposedPorts\":{\"53/udp\":{},\"80/tcp\":{},\"8000/tcp\":{},\"8001/tcp\":{},"
     "\"8002/tcp\":{}}}"},
    {{"HEALTHCHECK NONE"}, "{\"Healthcheck\":{\"Test\":[\"NONE\"]}}"},
    {{"HEALTHCHECK --interval=1m30s --timeout=500ms --retries=3 CMD curl -f x || exit 1"},
     "{\"Healthcheck\":{\"Interval\":90000000000,\"Retries\":3,\"Test\":[\"CMD-SHELL\",\"curl -f x "
     "|| exit 1\"],\"Timeout\":500000000}}"},
    {{"HEALTHCHECK CMD [\"/check\"]"}, "{\"Healthcheck\":{\"Test\":[\"CMD\",\"/check\"]}}"},
    {{"LABEL a=b \"c d\"=\"e f\"", "LABEL g h i"},
     "{\"Labels\":{\"a\":\"b\",\"c d\":\"e f\",\"g\":\"h i\"}}"},
    {{"ONBUILD RUN make", "ONBUILD CMD x"}, "{\"OnBuild\":[\"RUN make\",\"CMD x\"]}"},
    {{"STOPSIGNAL SIGTERM"}, "{\"StopSignal\":\"SIGTERM\"}"},
    {{"ENV U=me", "USER $U:staff"}, "{\"Env\":[\"U=me\"],\"User\":\"me:staff\"}"},
    {{"VOLUME /a /b"}, "{\"Volumes\":{\"/a\":{},\"/b\":{}}}"},
    {{"VOLUME [\"/a b\"]"}, "{\"Volumes\":{\"/a b\":{}}}"},
    {{"WORKDIR /a/./b", "WORKDIR ../c//d"}, "{\"WorkingDir\":\"/a/c/d\"}"},
    {{"WORKDIR a"}, "{\"WorkingDir\":\"/a\"}"},
    {{"WORKDIR /.."}, "{\"WorkingDir\":\"/\"}"},
    {{"  user\tme"}, "{\"User\":\"me\"}"},
};

static const char *const BAD[] = {
    "",
    "CMD",
    "RUN make",
    "CMDX y",
    "ENV A",
    "ENV =b",
    "ENV A=1 B",
    "ENV A=\"x",
    "ENV A='x",
    "ENV A=${B",
    "ENV A=${B:?x}",
    "EXPOSE 0",
    "EXPOSE 65536",
    "EXPOSE 80/icmp",
    "EXPOSE 90-80",
    "EXPOSE 80-",
    "EXPOSE x",
    "HEALTHCHECK",
    "HEALTHCHECK CMD",
    "HEALTHCHECK --interval=x CMD y",
    "HEALTHCHECK --interval=5 CMD y",
    "HEALTHCHECK --retries=-1 CMD y",
    "HEALTHCHECK --other=1 CMD y",
    "ONBUILD FROM x",
    "ONBUILD onbuild RUN x",
    "STOPSIGNAL a b",
    "VOLUME [\"\"]",
    "USER \xff",
    "CMD \xff",
    "LABEL a=\xff",
    "ENV a=\xff",
};

START_TEST(instruction_alters_the_config)
{
    json_t *config = json_object();
    struct hf_error err = {0};

    for (int i = 0; i < 4 && GOOD[_i].instructions[i]; i++) {
        int rc = hf_config_change(config, GOOD[_i].instructions[i], &err);
        ck_assert_msg(rc == 0, "%s: %s", GOOD[_i].instructions[i], err.message);
    }
    char *text = json_dumps(config, JSON_COMPACT | JSON_SORT_KEYS);
    ck_assert_str_eq(text, GOOD[_i].config);
    free(text);
    json_decref(config);
}
END_TEST

START_TEST(malformed_instruction_is_refused)
{
    json_t *config = json_object();
    struct hf_error err = {0};

    ck_assert_msg(hf_config_change(config, BAD[_i], &err) == HF_ERR_USAGE, "\"%s\": %s", BAD[_i],
                  err.message);
    json_decref(config);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("changes");

    tcase_add_loop_test(tests, instruction_alters_the_config, 0, sizeof(GOOD) / sizeof(GOOD[0]));
    tcase_add_loop_test(tests, malformed_instruction_is_refused, 0, sizeof(BAD) / sizeof(BAD[0]));
    return hf_test_run("changes", tests);
}
