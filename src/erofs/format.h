/* erofs/format.h - numbers of the EROFS format, as far as FORMAT.md uses it. Source: Linux,
 * Documentation/filesystems/erofs.rst and fs/erofs/erofs_fs.h. */
#ifndef HF_EROFS_FORMAT_H
#define HF_EROFS_FORMAT_H

#define HF_EROFS_MAGIC 0xe0f5e1e2u

#define HF_EROFS_SUPER_OFF    1024u
#define HF_EROFS_SUPER_BYTES  128u
#define HF_EROFS_SUM_OFF      (HF_EROFS_SUPER_OFF + 4) /* the checksum's own place */
#define HF_EROFS_SUMMED_BYTES 3072u /* from the super block to the end of a block of 4096 */
#define HF_EROFS_SLOT_OFF     1152u /* the one device slot, right behind */
#define HF_EROFS_SLOT_BYTES   128u
#define HF_EROFS_META_OFF     1280u /* the first inode: the root */

#define HF_EROFS_COMPAT_SB_CHECKSUM    0x1u
#define HF_EROFS_COMPAT_MTIME          0x2u
#define HF_EROFS_INCOMPAT_CHUNKED      0x4u
#define HF_EROFS_INCOMPAT_DEVICE_TABLE 0x8u

#define HF_EROFS_INODE_UNIT  32u /* an inode's number is its offset in these */
#define HF_EROFS_INODE_BYTES 64u /* extended */

#define HF_EROFS_FORMAT_EXTENDED 1u
#define HF_EROFS_LAYOUT_PLAIN    0u
#define HF_EROFS_LAYOUT_INLINE   2u
#define HF_EROFS_LAYOUT_CHUNKED  4u
#define HF_EROFS_LAYOUT_SHIFT    1u

#define HF_EROFS_CHUNK_INDEXES  0x20u /* the low five bits: chunk = block << bits */
#define HF_EROFS_CHUNK_BITS_MAX 31u
#define HF_EROFS_CHUNK_BYTES    8u /* of one index */
#define HF_EROFS_HOLE           0xffffffffu
#define HF_EROFS_TAR_DEVICE     1u

#define HF_EROFS_DIRENT_BYTES 12u

#define HF_EROFS_XATTR_HEADER      12u /* in front of an inode's attributes */
#define HF_EROFS_XATTR_ENTRY       4u  /* in front of each */
#define HF_EROFS_XATTR_ALIGN       4u
#define HF_EROFS_XATTR_USER        1u
#define HF_EROFS_XATTR_ACL_ACCESS  2u
#define HF_EROFS_XATTR_ACL_DEFAULT 3u
#define HF_EROFS_XATTR_TRUSTED     4u
#define HF_EROFS_XATTR_SECURITY    6u

#define HF_EROFS_MAX_BLOCKS 0xffffffffull
#define HF_EROFS_MAX_LINK   4095u /* bytes of a symlink's target */

#endif
