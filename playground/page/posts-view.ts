import type { Post } from "../contract.ts";
import { createPostCard, type PostCard, type PostCardHost } from "./post-card.ts";

export interface PostsView {
  /** Shows `posts` in this order, touching only the cards of those that changed. */
  show(posts: readonly Post[]): void;
}

export function createPostsView(list: HTMLElement, empty: HTMLElement, host: PostCardHost): PostsView {
  const cards = new Map<number, PostCard & { version: number }>();
  return {
    show(posts) {
      const wanted = new Set(posts.map(({ id }) => id));
      for (const [id, card] of cards) {
        if (wanted.has(id)) continue;
        // The list takes the focus of a card that goes, so that the keyboard does not start again at the top.
        if (card.item.contains(document.activeElement)) list.focus();
        card.item.remove();
        cards.delete(id);
      }
      let next = list.firstElementChild;
      for (const post of posts) {
        let card = cards.get(post.id);
        if (card === undefined) {
          card = { ...createPostCard(post, host), version: post.version };
          cards.set(post.id, card);
        } else if (card.version !== post.version) {
          card.version = post.version;
          card.update(post);
        }
        if (card.item === next) next = next.nextElementSibling;
        else list.insertBefore(card.item, next);
      }
      empty.hidden = posts.length > 0;
    },
  };
}
