/*
 * rootfs/bundle.c - config.json of the OCI runtime, from an image's config.
 *
 * What does not depend on the image is a text; what does is put into it. Without root the container
 * gets a user namespace in which the user is root, as `runc spec --rootless` has it.
 */
#include "rootfs/bundle.h"

#include "base/error.h"
#include "rootfs/sys.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CAPABILITIES                                                                               \
    "['CAP_CHOWN','CAP_DAC_OVERRIDE','CAP_FSETID','CAP_FOWNER','CAP_MKNOD','CAP_NET_RAW',"         \
    "'CAP_SETGID','CAP_SETUID','CAP_SETFCAP','CAP_SETPCAP','CAP_NET_BIND_SERVICE',"                \
    "'CAP_SYS_CHROOT','CAP_KILL','CAP_AUDIT_WRITE']"
#define DEFAULT_PATH "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* With ' for ". */
static const char base[] =
    "{'ociVersion':'1.0.2',"
    "'process':{'terminal':false,'user':{},'args':[],'env':[],'cwd':'/',"
    "'capabilities':{'bounding':" CAPABILITIES ",'effective':" CAPABILITIES
    ",'permitted':" CAPABILITIES "},'noNewPrivileges':false},"
    "'root':{'path':'rootfs','readonly':false},"
    "'mounts':["
    "{'destination':'/proc','type':'proc','source':'proc'},"
    "{'destination':'/dev','type':'tmpfs','source':'tmpfs',"
    "'options':['nosuid','strictatime','mode=755','size=65536k']},"
    "{'destination':'/dev/pts','type':'devpts','source':'devpts',"
    "'options':['nosuid','noexec','newinstance','ptmxmode=0666','mode=0620','gid=5']},"
    "{'destination':'/dev/shm','type':'tmpfs','source':'shm',"
    "'options':['nosuid','noexec','nodev','mode=1777','size=65536k']},"
    "{'destination':'/dev/mqueue','type':'mqueue','source':'mqueue',"
    "'options':['nosuid','noexec','nodev']},"
    "{'destination':'/sys','type':'sysfs','source':'sysfs',"
    "'options':['nosuid','noexec','nodev','ro']},"
    "{'destination':'/sys/fs/cgroup','type':'cgroup','source':'cgroup',"
    "'options':['nosuid','noexec','nodev','relatime','ro']}],"
    "'annotations':{},"
    "'linux':{'resources':{'devices':[{'allow':false,'access':'rwm'}]},"
    "'namespaces':[{'type':'pid'},{'type':'network'},{'type':'ipc'},{'type':'uts'},"
    "{'type':'mount'}],"
    "'maskedPaths':['/proc/acpi','/proc/asound','/proc/kcore','/proc/keys','/proc/latency_stats',"
    "'/proc/timer_list','/proc/timer_stats','/proc/sched_debug','/proc/scsi','/sys/firmware'],"
    "'readonlyPaths':['/proc/bus','/proc/fs','/proc/irq','/proc/sys','/proc/sysrq-trigger']}}";

/* What differs without root; update of the above. A new sysfs belongs to a network namespace, and
 * groups that are not mapped cannot be named. */
static const char rootless_mounts[] =
    "[{'destination':'/proc','type':'proc','source':'proc'},"
    "{'destination':'/dev','type':'tmpfs','source':'tmpfs',"
    "'options':['nosuid','strictatime','mode=755','size=65536k']},"
    "{'destination':'/dev/pts','type':'devpts','source':'devpts',"
    "'options':['nosuid','noexec','newinstance','ptmxmode=0666','mode=0620']},"
    "{'destination':'/dev/shm','type':'tmpfs','source':'shm',"
    "'options':['nosuid','noexec','nodev','mode=1777','size=65536k']},"
    "{'destination':'/dev/mqueue','type':'mqueue','source':'mqueue',"
    "'options':['nosuid','noexec','nodev']},"
    "{'destination':'/sys','type':'none','source':'/sys',"
    "'options':['rbind','nosuid','noexec','nodev','ro']}]";
static const char rootless_namespaces[] =
    "[{'type':'pid'},{'type':'ipc'},{'type':'uts'},{'type':'mount'},{'type':'user'}]";

static json_t *parse(const char *text)
{
    char *copy = strdup(text);

    for (char *at = copy; at && *at; at++)
        if (*at == '\'')
            *at = '"';
    json_t *value = copy ? json_loads(copy, 0, NULL) : NULL;
    free(copy);
    return value;
}

/* jansson refuses NULL as a value, so that a failed allocation before is seen here too. */
static int put(json_t *object, const char *key, json_t *value, struct hf_error *err)
{
    return json_object_set_new(object, key, value) == 0 ? 0 : hf_fail_memory(err);
}

static int append(json_t *array, json_t *value, struct hf_error *err)
{
    return json_array_append_new(array, value) == 0 ? 0 : hf_fail_memory(err);
}

/* What is no text in such a list is left out. */
static int append_texts(json_t *to, const json_t *from, struct hf_error *err)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < json_array_size(from); i++) {
        const char *text = json_string_value(json_array_get(from, i));
        if (text)
            rc = append(to, json_string(text), err);
    }
    return rc;
}

static int put_args(json_t *process, const json_t *image, struct hf_error *err)
{
    json_t *args = json_object_get(process, "args");
    int rc = append_texts(args, json_object_get(image, "Entrypoint"), err);

    if (rc == 0)
        rc = append_texts(args, json_object_get(image, "Cmd"), err);
    if (rc == 0 && json_array_size(args) == 0)
        rc = append(args, json_string("sh"), err);
    return rc;
}

static int put_env(json_t *process, const json_t *image, struct hf_error *err)
{
    json_t *env = json_object_get(process, "env");
    bool has_path = false;
    int rc = append_texts(env, json_object_get(image, "Env"), err);

    for (size_t i = 0; rc == 0 && i < json_array_size(env); i++)
        if (strncmp(json_string_value(json_array_get(env, i)), "PATH=", 5) == 0)
            has_path = true;
    return rc == 0 && !has_path ? append(env, json_string(DEFAULT_PATH), err) : rc;
}

static int put_user(json_t *process, const json_t *image, int root, struct hf_error *err)
{
    const char *text = json_string_value(json_object_get(image, "User"));
    json_t *user = json_object_get(process, "user");
    struct hf_user found = {0};
    int rc = hf_user_find(root, text ? text : "", &found, err);

    if (rc == 0)
        rc = put(user, "uid", json_integer(found.uid), err);
    if (rc == 0)
        rc = put(user, "gid", json_integer(found.gid), err);
    if (rc == 0 && found.group_count > 0)
        rc = put(user, "additionalGids", json_array(), err);
    for (size_t i = 0; rc == 0 && i < found.group_count; i++)
        rc = append(json_object_get(user, "additionalGids"), json_integer(found.groups[i]), err);
    return rc;
}

static int put_texts(json_t *config, const json_t *image, struct hf_error *err)
{
    const char *cwd = json_string_value(json_object_get(image, "WorkingDir"));
    const char *host = json_string_value(json_object_get(image, "Hostname"));
    const char *signal = json_string_value(json_object_get(image, "StopSignal"));
    json_t *annotations = json_object_get(config, "annotations");
    const char *key;
    json_t *value;
    int rc = 0;

    if (cwd && cwd[0] == '/')
        rc = put(json_object_get(config, "process"), "cwd", json_string(cwd), err);
    if (rc == 0 && host && host[0] != '\0')
        rc = put(config, "hostname", json_string(host), err);
    if (rc == 0 && signal && signal[0] != '\0')
        rc = put(annotations, "org.opencontainers.image.stopSignal", json_string(signal), err);
    json_object_foreach(json_object_get(image, "Labels"), key, value)
    {
        if (rc == 0 && json_is_string(value) && key[0] != '\0')
            rc = put(annotations, key, json_incref(value), err);
    }
    return rc;
}

static json_t *mapping(uint32_t id)
{
    return json_pack("[{s:i, s:I, s:i}]", "containerID", 0, "hostID", (json_int_t)id, "size", 1);
}

static int make_rootless(json_t *config, struct hf_error *err)
{
    json_t *on_linux = json_object_get(config, "linux");
    int rc = put(config, "mounts", parse(rootless_mounts), err);

    if (rc == 0)
        rc = put(on_linux, "namespaces", parse(rootless_namespaces), err);
    if (rc == 0)
        rc = put(on_linux, "uidMappings", mapping(geteuid()), err);
    if (rc == 0)
        rc = put(on_linux, "gidMappings", mapping(getegid()), err);
    if (rc == 0)
        json_object_del(on_linux, "resources");
    return rc;
}

static int fill(json_t *config, const json_t *image, int root, struct hf_error *err)
{
    json_t *process = json_object_get(config, "process");
    int rc = put_args(process, image, err);

    if (rc == 0)
        rc = put_env(process, image, err);
    if (rc == 0)
        rc = put_user(process, image, root, err);
    if (rc == 0)
        rc = put_texts(config, image, err);
    if (rc == 0 && !hf_sys_is_root())
        rc = make_rootless(config, err);
    return rc;
}

static int write_file(int dir, const char *name, const char *text, struct hf_error *err)
{
    int fd = -1;
    int rc = hf_sys_create(dir, name, &fd);

    if (rc == 0)
        rc = hf_sys_write(fd, text, strlen(text), 0);
    if (rc == 0)
        rc = hf_sys_set_mode(fd, NULL, 0644);
    if (rc == 0) {
        rc = hf_sys_close(fd);
        fd = -1;
    }
    hf_sys_drop(&fd);
    return rc == 0 ? 0 : hf_fail_errno(err, rc, "write", name);
}

int hf_bundle_write_config(int fd, int root, const void *image_config, struct hf_error *err)
{
    json_t *config = parse(base);
    char *text = NULL;
    int rc = config ? fill(config, json_object_get(image_config, "config"), root, err)
                    : hf_fail_memory(err);

    if (rc == 0 && !(text = json_dumps(config, JSON_INDENT(4))))
        rc = hf_fail_memory(err);
    if (rc == 0)
        rc = write_file(fd, "config.json", text, err);
    free(text);
    json_decref(config);
    return rc;
}

int hf_bundle_begin(int fd, int *out_root, struct hf_error *err)
{
    int rc = hf_sys_make_dir(fd, "rootfs");

    if (rc == 0)
        rc = hf_sys_open_dir(fd, "rootfs", out_root);
    return rc == 0 ? 0 : hf_fail_errno(err, rc, "make the folder", "rootfs");
}

int hf_bundle_end(int fd, struct hf_error *err)
{
    int rc = hf_sys_set_mode(fd, NULL, 0755);

    return rc == 0 ? 0 : hf_fail_errno(err, rc, "set the mode of", "the bundle");
}
